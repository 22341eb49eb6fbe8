SELECT json_build_object('data', json_build_object('workers', json_build_object('nodes', (
  SELECT coalesce(json_agg(json_build_object(
    'id', w.id,
    'code', w.code,
    'status', w.status,
    'firstName', coalesce(w.first_name_en, w.first_name_hi),
    'initial', coalesce(w.initial_en, w.initial_hi),
    'displayName', coalesce(coalesce(w.first_name_en, w.first_name_hi)
      || coalesce(' ' || coalesce(w.initial_en, w.initial_hi) || '.', ''), 'Former worker'),
    'firstNameHindi', coalesce(w.first_name_hi, w.first_name_en),
    'initialHindi', coalesce(w.initial_hi, w.initial_en),
    'displayNameHindi', coalesce(coalesce(w.first_name_hi, w.first_name_en)
      || coalesce(' ' || coalesce(w.initial_hi, w.initial_en) || '.', ''), 'पूर्व सेवा मित्र'),
    'yearsExperience', w.years_experience,
    'languages', w.languages
  ) ORDER BY w.code), '[]')
  FROM (
    SELECT * FROM worker
    WHERE status = 'ACTIVE'
      AND district_id = (SELECT id FROM district WHERE lgd_code = $1)
      AND years_experience >= $2
    ORDER BY code
    LIMIT 100
  ) AS w
))))::text
